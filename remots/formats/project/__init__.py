"""What a person sets up and watches: configs, sample sheets, data sets, the state of a run."""
