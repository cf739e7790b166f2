"""Two processes on one data file, one of them killed again and again: nothing acknowledged is lost or doubled."""
