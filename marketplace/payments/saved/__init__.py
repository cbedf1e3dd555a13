"""Cards that payers let be kept, and their consent to pay the balance of an order by one of them."""
