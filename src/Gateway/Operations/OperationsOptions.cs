using System.Net;
using Gateway.Proxying;
using Microsoft.Extensions.Options;

namespace Gateway.Operations;

/// <summary>The operators' own listener.</summary>
internal sealed class OperationsOptions
{
    public const string Section = "Operations";

    /// <summary>
    /// Where operators, health checks and the metrics scraper connect: http, an IP literal or <c>localhost</c>, and a port (0: any free one).
    /// Never a public one. Defaults to <c>http://[::]:9090</c>, which is IPv4 and IPv6.
    /// </summary>
    public string Listen { get; set; } = "http://[::]:9090";

    /// <summary>How many routes a page of the route list holds unless the caller says otherwise. Defaults to 100.</summary>
    public int PageSize { get; set; } = 100;

    /// <summary>How many routes a page may hold at most. Defaults to 1,000.</summary>
    public int MaximumPageSize { get; set; } = 1000;

    /// <summary>The address to bind, or null when <see cref="Listen"/> is not one.</summary>
    public IPEndPoint? GetEndPoint() =>
        Listener.TryParse(Listen, out var listener) ? new IPEndPoint(listener.Address ?? IPAddress.Loopback, listener.Port) : null;
}

/// <summary>Lists every fault of the section at once, each by its key.</summary>
internal sealed class OperationsOptionsValidation : IValidateOptions<OperationsOptions>
{
    public ValidateOptionsResult Validate(string? name, OperationsOptions options)
    {
        var faults = new List<string>();
        if (options.GetEndPoint() is null)
        {
            faults.Add("Operations:Listen must be http:// with an IP literal or localhost and a port, as http://[::]:9090");
        }

        if (options.MaximumPageSize < 1)
        {
            faults.Add("Operations:MaximumPageSize must be at least 1");
        }

        if (options.PageSize < 1 || options.PageSize > options.MaximumPageSize)
        {
            faults.Add("Operations:PageSize must be between 1 and Operations:MaximumPageSize");
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
