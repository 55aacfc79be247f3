"""Study and store in, tables and figures out; no torch in here."""
