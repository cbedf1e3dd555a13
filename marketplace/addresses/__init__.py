"""Where people have boxes sent: checked by country, stored sealed."""
