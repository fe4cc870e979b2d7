"""The pages, a file each; importing one registers nothing."""
