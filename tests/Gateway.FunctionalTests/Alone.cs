using Xunit;

namespace Gateway.FunctionalTests;

/// <summary>Tests that measure something which others at work beside them would change. They run after the rest, one at a time.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
