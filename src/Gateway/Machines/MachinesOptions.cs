using Microsoft.Extensions.Options;

namespace Gateway.Machines;

/// <summary>Section <c>Machines</c>: how the Machines API is reached.</summary>
internal sealed class MachinesOptions
{
    public const string Section = "Machines";

    /// <summary>Inside Fly's private network <c>http://_api.internal:4280</c>, elsewhere <c>https://api.machines.dev</c>.</summary>
    public string ApiUrl { get; set; } = "http://_api.internal:4280";

    /// <summary>The token, with or without its scheme. The environment's <c>FLY_API_TOKEN</c> wins.</summary>
    public string Token { get; set; } = "";

    /// <summary>A file that holds the token, read once at start. Used when there is no other.</summary>
    public string TokenFile { get; set; } = "";

    /// <summary>How long one call may take; <c>wait</c> takes its own time on top.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether the documented rates are kept: 1 a second per action and machine or app with a burst of 3; reads of a machine 5 with a burst of 10.</summary>
    public bool KeepRates { get; set; } = true;

    /// <summary>How many calls may wait for their turn under one rate.</summary>
    public int QueuedPerRate { get; set; } = 500;
}

/// <summary>Every fault of the section at once, each by its key.</summary>
internal sealed class MachinesOptionsValidation : IValidateOptions<MachinesOptions>
{
    public ValidateOptionsResult Validate(string? name, MachinesOptions options)
    {
        var faults = new List<string>();
        if (!Uri.TryCreate(options.ApiUrl, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
        {
            faults.Add("Machines:ApiUrl must be an http or https URL, such as http://_api.internal:4280.");
        }
        else if (url.UserInfo.Length > 0 || url.Query.Length > 0 || url.Fragment.Length > 0)
        {
            faults.Add("Machines:ApiUrl must hold no user, query or fragment: set FLY_API_TOKEN for the token.");
        }

        if (string.IsNullOrEmpty(options.Token) && string.IsNullOrEmpty(options.TokenFile))
        {
            faults.Add("Machines:Token is not set: set FLY_API_TOKEN in the environment, or Machines:TokenFile.");
        }
        else if (!string.IsNullOrEmpty(options.Token))
        {
            if (!MachinesToken.IsUsable(options.Token))
            {
                faults.Add("Machines:Token is not a token: it must be one line of printable characters. FLY_API_TOKEN in the environment wins over it; check that too.");
            }
        }
        else if (FaultOf(options.TokenFile) is { } fault)
        {
            faults.Add(fault);
        }

        if (options.CallTimeout <= TimeSpan.Zero || options.CallTimeout > TimeSpan.FromMinutes(2))
        {
            faults.Add("Machines:CallTimeout must be between 0 and 00:02:00.");
        }

        if (options.QueuedPerRate < 1)
        {
            faults.Add("Machines:QueuedPerRate must be at least 1.");
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static string? FaultOf(string tokenFile)
    {
        try
        {
            return MachinesToken.IsUsable(File.ReadAllText(tokenFile)) ? null : "Machines:TokenFile names a file that does not hold one line with a token.";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return "Machines:TokenFile names a file that does not exist or cannot be read.";
        }
    }
}
