"""Where the instances of a target are: fixed addresses, DNS, or a watched file."""
