"""How fairly a campaign is carried out: agreed on before it is scheduled, signed, and not changed any more."""
