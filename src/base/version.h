// Which Gantry this is; part of every run's identity.
#pragma once

namespace gantry {

const char* version();  // "0.1.0"
const char*
commit();  // the Git commit it was built from, "+changes" behind it where the tree was changed

}  // namespace gantry
