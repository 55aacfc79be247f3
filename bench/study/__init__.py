"""A study: from its YAML to the runs that it asks for."""
