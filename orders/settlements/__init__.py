"""What cooperatives have earned and are paid: statements, advances, clawbacks, sheets for growers."""
