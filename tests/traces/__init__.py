"""Evidence against changes of what was written down."""
