"""What operators do at the dashboard, and how many clicks and seconds it takes them."""
