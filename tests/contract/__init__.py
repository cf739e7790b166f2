"""What the port promises, one file for each verb; every test runs on both adapters."""
