#include "rmap/anon_vma.hpp"

#include <new>

namespace quire {
namespace {

// What may not differ between two VMAs that could become one after mprotect.
constexpr VmFlags kComparedFlags = ~(VmFlags::kAccess | VmFlags::kSoftDirty);

bool has_one_chain(const Vma& vma) {
  return vma.chains != nullptr && vma.chains->next == nullptr;
}

// Whether pages of `vma` could go on with the AnonVma of its neighbour `other`.
AnonVma* lent_by(const Vma& vma, const Vma* other) {
  if (other == nullptr) return nullptr;
  // Its own first fault may be under way on another CPU: the AnonVma is told after its chain.
  AnonVma* const lent = __atomic_load_n(&other->anon_vma, __ATOMIC_ACQUIRE);
  if (lent == nullptr || !has_one_chain(*other)) return nullptr;
  const Vma& low = other->start() < vma.start() ? *other : vma;
  const Vma& high = &low == &vma ? *other : vma;
  const bool fits = low.end() == high.start() && low.file == high.file &&
                    !any((low.flags ^ high.flags) & kComparedFlags) &&
                    low.pgoff + low.pages().raw() == high.pgoff;
  return fits ? lent : nullptr;
}

void set_interval(AnonVmaChain& chain, const Vma& vma) {
  chain.first = vma.pgoff;
  chain.last = vma.pgoff + vma.pages().raw() - 1;
}

}  // namespace

Result<AnonVmaChain*> AnonVmas::new_chain() {
  void* const memory = chains_.alloc(Gfp::kKernel);
  if (memory == nullptr) return Errno::kNoMemory;
  return new (memory) AnonVmaChain;
}

Result<AnonVma*> AnonVmas::new_anon_vma(AnonVma* parent) {
  void* const memory = anon_vmas_.alloc(Gfp::kKernel);
  if (memory == nullptr) return Errno::kNoMemory;
  return new (memory) AnonVma(parent);
}

// With the family's lock, or before anybody knows of the AnonVma.
void AnonVmas::link(AnonVmaChain& chain, Vma& vma, AnonVma& anon_vma) {
  chain.vma = &vma;
  chain.anon_vma = &anon_vma;
  chain.next = vma.chains;
  vma.chains = &chain;
  set_interval(chain, vma);
  anon_vma.chains.insert(chain);
  ++anon_vma.references;
}

Result<void> AnonVmas::prepare_first(Vma& vma) {
  QUIRE_TRY_ASSIGN(chain, new_chain());
  AnonVma* lent = lent_by(vma, vma.next);
  if (lent == nullptr) lent = lent_by(vma, vma.previous);
  AnonVma* anon_vma = lent;
  if (anon_vma == nullptr) {
    const auto made = new_anon_vma(nullptr);
    if (!made.has_value()) {
      chains_.free(chain);
      return made.error();
    }
    anon_vma = *made;
  }
  {
    // Faults of one VMA may race to be the first: they meet at the Mm's tables.
    const SpinGuard family(anon_vma->lock());
    const TableGuard first(vma.mm->parts.map.at(vma.mm->tables.root()));
    if (vma.anon_vma == nullptr) {
      link(*chain, vma, *anon_vma);
      ++anon_vma->active;
      __atomic_store_n(&vma.anon_vma, anon_vma, __ATOMIC_RELEASE);
      return {};
    }
  }
  chains_.free(chain);
  if (lent == nullptr) anon_vmas_.free(anon_vma);
  return {};
}

// Links `to` with all that `from` is linked with. What it gets as its own AnonVma, if any, is one
// that nobody makes pages in any more and that has at most one child.
Result<void> AnonVmas::inherit(Vma& to, const Vma& from) {
  for (const AnonVmaChain* source = from.chains; source != nullptr; source = source->next) {
    const auto chain = new_chain();
    if (!chain.has_value()) {
      to.anon_vma = nullptr;
      unlink(to);
      return chain.error();
    }
    AnonVma& anon_vma = *source->anon_vma;
    const SpinGuard guard(anon_vma.lock());
    link(**chain, to, anon_vma);
    if (to.anon_vma == nullptr && anon_vma.children < 2 && anon_vma.active == 0)
      to.anon_vma = &anon_vma;
  }
  return {};
}

void AnonVmas::settle(Vma& vma, AnonVma& anon_vma) {
  vma.anon_vma = &anon_vma;
  const SpinGuard guard(anon_vma.lock());
  ++anon_vma.active;
}

Result<void> AnonVmas::clone(Vma& to, const Vma& from) {
  to.anon_vma = from.anon_vma;
  QUIRE_TRY(inherit(to, from));
  if (from.anon_vma != nullptr) settle(to, *from.anon_vma);
  return {};
}

Result<void> AnonVmas::fork(Vma& child, const Vma& parent) {
  if (parent.anon_vma == nullptr) return {};
  QUIRE_TRY(inherit(child, parent));
  if (child.anon_vma != nullptr) {
    settle(child, *child.anon_vma);
    return {};
  }
  const auto chain = new_chain();
  const auto own = chain.has_value() ? new_anon_vma(parent.anon_vma) : Errno::kNoMemory;
  if (!own.has_value()) {
    if (chain.has_value()) chains_.free(*chain);
    unlink(child);
    return own.error();
  }
  AnonVma& anon_vma = **own;
  {
    const SpinGuard guard(anon_vma.lock());
    link(**chain, child, anon_vma);
    ++anon_vma.parent->children;
    ++anon_vma.parent->references;
    if (anon_vma.root != anon_vma.parent) ++anon_vma.root->references;
  }
  settle(child, anon_vma);
  return {};
}

void AnonVmas::unlink(Vma& vma) {
  if (vma.anon_vma != nullptr) {
    const SpinGuard guard(vma.anon_vma->lock());
    --vma.anon_vma->active;
  }
  while (vma.chains != nullptr) {
    AnonVmaChain* const chain = vma.chains;
    vma.chains = chain->next;
    {
      const SpinGuard guard(chain->anon_vma->lock());
      chain->anon_vma->chains.remove(*chain);
    }
    drop(*chain->anon_vma);
    chains_.free(chain);
  }
  vma.anon_vma = nullptr;
}

// One reference less; the last frees it, and lets go of its parent and root.
void AnonVmas::drop(AnonVma& anon_vma) {
  AnonVma* const parent = anon_vma.parent;
  AnonVma* const root = anon_vma.root;
  {
    const SpinGuard guard(anon_vma.lock());
    if (--anon_vma.references != 0) return;
    if (parent != &anon_vma) --parent->children;
  }
  anon_vma.~AnonVma();
  anon_vmas_.free(&anon_vma);
  if (parent == &anon_vma) return;
  drop(*parent);
  if (root != parent) drop(*root);
}

void AnonVmas::before_change(Vma& vma) {
  for (AnonVmaChain* chain = vma.chains; chain != nullptr; chain = chain->next) {
    const SpinGuard guard(chain->anon_vma->lock());
    chain->anon_vma->chains.remove(*chain);
  }
}

void AnonVmas::after_change(Vma& vma) {
  for (AnonVmaChain* chain = vma.chains; chain != nullptr; chain = chain->next) {
    const SpinGuard guard(chain->anon_vma->lock());
    set_interval(*chain, vma);
    chain->anon_vma->chains.insert(*chain);
  }
}

}  // namespace quire
