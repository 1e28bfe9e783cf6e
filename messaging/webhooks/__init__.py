"""What providers report and pass on (contract §2): signatures are checked here, everything else is done by services."""
