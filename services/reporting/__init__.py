"""Work reports, the fact tables, and every view computed from them."""
