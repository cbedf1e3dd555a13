"""Who somebody is: accounts, roles, memberships, log-in, sessions, service keys."""
