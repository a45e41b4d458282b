namespace Gateway.Identity.Operators;

/// <summary>A feature of every connection of the operators' listener: a browser there signs in to the console and to nothing else.</summary>
internal interface IOperatorsDoor
{
    static bool IsAt(HttpContext context) => context.Features.Get<IOperatorsDoor>() is not null;
}
