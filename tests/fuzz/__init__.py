"""A fuzzer for pcapconv; README.md says how to run it, how to replay a finding and how to add a target."""
