"""Capacity: fruit that is only forecast. What of it may be promised, and how it becomes lots at the weighbridge."""
