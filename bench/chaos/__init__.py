"""Real servers, real load, real faults; afterwards what clients were told is reconciled with what is stored.

`python -m bench.chaos` starts PostgreSQL, Redis and gunicorn in a private folder, lets a second process buy and
sell, breaks things meanwhile (`nemesis`), and asks `checker`, which knows neither servers nor the app. `broken`
builds apps with one defect each, to prove that the checker sees them.
"""
