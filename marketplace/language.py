"""The two languages every message is written in. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

Language = Literal["en", "zh"]

LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
DEFAULT: Final[Language] = "en"


@dataclass(frozen=True, slots=True)
class Text:
    """One message in both languages; `{names}` in it are filled by `format`."""

    en: str
    zh: str

    def pick(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en

    def format(self, **values: object) -> "Text":
        return Text(en=self.en.format(**values), zh=self.zh.format(**values))
