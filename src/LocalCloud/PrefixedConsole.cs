namespace LocalCloud;

/// <summary>One console for all parts, each line telling whose it is.</summary>
internal sealed class PrefixedConsole(TextWriter output)
{
    private readonly Lock _lock = new();

    public void Say(string line)
    {
        lock (_lock)
        {
            output.WriteLine(line);
            output.Flush();
        }
    }

    public void Say(string part, string line) => Say($"{part,-9} | {line}");

    /// <summary>For parts that log inside this process: a line a message, the exception's first line included.</summary>
    public ILoggerProvider LogOf(string part) => new Provider(this, part);

    private sealed class Provider(PrefixedConsole console, string part) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Information and not LogLevel.None;

        public void Log<TState>(LogLevel level, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(level))
            {
                var severity = level > LogLevel.Information ? $"{level}: " : "";
                var cause = exception is null ? "" : $" ({exception.GetType().Name}: {exception.Message.Split('\n')[0]})";
                console.Say(part, $"{severity}{formatter(state, exception).ReplaceLineEndings(" ")}{cause}");
            }
        }
    }
}
