"""The pages of staff, a web app: what is reporting's is drawn here, the rest by script from its doors."""
