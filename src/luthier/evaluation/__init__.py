"""An engine and a split of test cases go in, an EvalReport with a defended verdict comes out."""
