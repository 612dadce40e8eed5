"""What editors decide: rules, and the overlay of withdrawn, withheld and blocked stories."""
