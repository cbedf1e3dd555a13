"""Quality: lots that are stopped or recalled, fruit that is kept back, what is measured of it, how long it keeps."""
