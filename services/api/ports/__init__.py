"""What the use cases need from the outside, a module for each role; whoever needs a role names it alone."""
