"""Several readers of one data set: a report, consensus label maps, and the places to talk about."""
