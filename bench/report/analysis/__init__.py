"""All numbers of a report, computed once from the records of its runs."""
