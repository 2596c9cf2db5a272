//! Objects that threads talk through: pipes, eventfd, timerfd, epoll, socket pairs, terminals.
