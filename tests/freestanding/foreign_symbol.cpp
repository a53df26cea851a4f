// Asks for a symbol that a kernel does not have: the link check must refuse it.
extern "C" void* malloc(decltype(sizeof(0)) size);

void* take_page() { return malloc(4096); }
