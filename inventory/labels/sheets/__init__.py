"""Sheets of labels: a batch as PDF for sheets and rolls of stickers, or as ZPL for label printers."""

from inventory.labels.sheets.faces import Face
from inventory.labels.sheets.printing import SHEET_LABELS_MAX, NothingToPrint, Printed, taken

__all__ = ("SHEET_LABELS_MAX", "Face", "NothingToPrint", "Printed", "taken")
