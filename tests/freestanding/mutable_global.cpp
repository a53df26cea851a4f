// Keeps state outside any machine: the link check must refuse it.
int boots;

int count_boot() { return ++boots; }
