"""Two texts go in, how alike they are comes out, by the measures that translators and summarisers know."""
