"""Work that a Luthier server on another machine does: files go there, jobs are followed, models are found."""
