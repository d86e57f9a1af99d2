"""HTTP in and out: blueprints that translate requests to calls on a Perch and answers back, no more."""
