"""Tool calls in the chat template's own form: learned from the template, read from answers, demanded of them."""
