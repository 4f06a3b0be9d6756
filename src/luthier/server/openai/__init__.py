"""The endpoints of the OpenAI API, under their own paths and in their own words."""
