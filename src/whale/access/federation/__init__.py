"""Federation: which job, whose own identity token was proved, may have a token of this server. Decides; asks nobody."""
