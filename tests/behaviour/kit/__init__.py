"""What the behaviour tests are written with: the operator's playbooks, a visitor, the database, and the hosts."""
