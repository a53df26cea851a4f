/* QUIRE_API marks what libquire.so exports; everything else in it is hidden. */
#ifndef QUIRE_EXPORT_H
#define QUIRE_EXPORT_H

#define QUIRE_API __attribute__((visibility("default")))

#endif
