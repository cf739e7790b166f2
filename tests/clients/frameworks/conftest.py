"""The checks in `environments` run with packages that are not installed here."""

collect_ignore = ["environments"]
