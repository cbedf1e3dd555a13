"""A repository of EPCIS events: what is asked of it by the standard's queries."""
