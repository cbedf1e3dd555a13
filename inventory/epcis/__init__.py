"""EPCIS 2.0: the words, the identifiers and the shapes of events that tell where fruit has been. Pure so far."""
