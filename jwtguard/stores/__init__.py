"""Session stores: `memory` for tests, `sqlite` on one machine, `sqlalchemy` and `redis` on many."""
