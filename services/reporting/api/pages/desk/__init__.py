"""The pages of officers: superiors and deputies, BKPSDM and the OPDs' admins, auditors."""
