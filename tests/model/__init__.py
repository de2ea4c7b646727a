"""Small models of what runs at the same time, explored in every order that is possible."""
