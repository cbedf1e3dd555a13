"""Rural jobs: shifts of packing and haulage made from a wave, who works them, each scanned box, and the pay."""
