"""What notifications decides, without asking anything: who is told what, by which rule, how, and when."""
