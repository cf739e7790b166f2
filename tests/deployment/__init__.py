"""The infrastructure code, the package and what else a deployment consists of, checked without Azure."""
