"""SQL of the transitions ticker."""
