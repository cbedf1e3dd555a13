"""The ground: values, errors, plumbing, identity, catalogue, money; and the shell that builds the app."""
